"""How well passages are found: documents, questions, and the measuring."""
