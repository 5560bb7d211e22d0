// The tools that this page offers the agent. They run here, in the browser.

const TOOLS = [
  {
    name: "roll_dice",
    description: "Roll the dice.",
    parameters: { type: "object", properties: {} },
    run: () => ({ rolled: 1 + (crypto.getRandomValues(new Uint32Array(1))[0] % 6) }),
  },
  {
    name: "set_theme",
    description: "Set the theme of the page: light or dark.",
    parameters: {
      type: "object",
      properties: { theme: { type: "string", enum: ["light", "dark"] } },
      required: ["theme"],
    },
    run: ({ theme }) => {
      if (!["light", "dark"].includes(theme)) throw new Error("theme: expected light or dark");
      document.documentElement.dataset.theme = theme;
      return { theme };
    },
  },
];

export const offered = TOOLS.map(({ run, ...tool }) => tool);

// Return {result} or {error}, never throws.
export function runTool(name, given) {
  const tool = TOOLS.find((each) => each.name === name);
  if (!tool) return { error: `this page has no tool ${name}` };
  try {
    return { result: tool.run(given ?? {}) };
  } catch (error) {
    return { error: error.message };
  }
}
