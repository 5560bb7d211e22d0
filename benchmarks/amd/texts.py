"""What people, machines and networks say when a call is answered, in two halves. ``|`` is a pause.

Rules and thresholds were chosen on the first half. The second was written after they were fixed, from how guides to
telephone greetings and telephone systems describe them, and was measured once before any rule was changed for it: that
is the column "unseen" in docs/amd.md. Since then rules have learned from it as well; a new claim needs new texts.
"""

from __future__ import annotations

__all__ = ["HALVES", "Said"]

Said = dict[str, tuple[str, ...]]
"""Kind of answer -> texts."""

TUNING: Said = {
    "human": (
        "Hello?",
        "Hi.",
        "Yes?",
        "Hello, this is Maria.",
        "Yeah, hello?",
        "Good morning, Carter residence.",
        "Hey, what's up?",
        "Hello? | Who is this?",
        "Thank you for calling Bright Smile Dental, this is Karen. How may I help you?",
        "Acme Plumbing, Dan speaking.",
        "Hello, Peter Jones.",
        "Hi, yes, I can hear you. Who's calling please?",
        "Front desk, how can I help?",
        "Um, hello? | Hello?",
        "Hello.",
        "Hello? Hello?",
        "Yes, hello.",
        "Good afternoon.",
        "Hi there, Laura here.",
        "This is Mark.",
        "Yeah?",
        "Who's speaking?",
        "Good evening, Patterson family.",
        "Greenfield Motors, Steve speaking, how can I help you?",
        "Thanks for calling Luigi's, this is Tony, what can I get you?",
        "Hello, who is it?",
        "Hi, um, I'm driving, can you hear me?",
        "Hello, Anna Schmidt speaking.",
    ),
    "voicemail": (
        "Hi, you've reached the Millers. | We can't come to the phone right now. Please leave a message "
        "after the tone.",
        "Hello, this is David. | I'm not available at the moment. Leave your name and number and I'll get back to you.",
        "Your call has been forwarded to an automatic voice message system. | Five five five, one two, "
        "three four, is not available. | At the tone, please record your message.",
        "Hey, it's Susan. | Sorry I missed your call. Leave me a message and I will call you back. Thanks, bye.",
        "You have reached the voice mailbox of Thomas Reed. | Please leave a message after the beep.",
        "The person you are trying to reach is not available. | Please leave your message after the tone.",
        "Hi, this is Julia at Northside Realty. | I'm either on the other line or away from my desk. | "
        "Please leave a detailed message.",
        "Hello. | No one is available to take your call. | Please leave a message after the tone.",
        "Good day, you have reached the office of Doctor Wells. | We are closed right now. | Please leave a message.",
        "Hi, I can't take your call right now. | Leave a message.",
        "Hello, you've reached Emma's phone. | I'm sorry I can't answer right now. Leave your details and"
        " I'll ring you back.",
        "Hi, this is Brian. | Please leave a message and I'll return your call as soon as possible.",
        "The subscriber you have called is not able to come to the phone. | Please leave a message after the signal.",
        "Welcome to the voicemail of four one five, seven seven two. | To leave a message, wait for the tone.",
        "You've reached the Hendersons. | We're out at the moment. | Speak after the beep.",
        "Hey, it's Mike. | You know what to do.",
        "Thank you for calling Harbor Insurance. | Our office hours are nine to five, Monday to Friday. |"
        " Please leave a message and someone will contact you.",
        "The wireless customer you are calling is unavailable. | Please try again later.",
        "Hi, I'm away from the phone. | Leave your name, number and a brief message.",
        "Sorry, the mailbox is full and cannot accept any messages at this time. | Goodbye.",
    ),
    "ivr": (
        "Thank you for calling City Bank. | For account balances, press one. | For lost cards, press two.",
        "Welcome to Northern Power. | Please listen carefully, as our menu options have changed. | For "
        "billing, press one.",
        "Your call is important to us. | All of our agents are currently busy. | Please stay on the line.",
        "Hello and thank you for calling Grand Hotel. | If you know your party's extension, dial it at any time.",
        "This call may be recorded for quality purposes. | To continue in English, press one.",
        "Welcome to Evergreen Health. | If this is an emergency, hang up and dial nine one one. | For "
        "appointments, press one.",
        "You have reached Summit Airlines. | Please say or enter your booking number.",
        "Please hold while we connect your call. | You are number three in the queue.",
        "Thanks for calling Metro Water. | Para espanol, oprima el dos. | For all other inquiries, stay on the line.",
        "Hello, this is the automated attendant of Lake School. | To reach the office, press zero.",
    ),
    "screening": (
        "Hi. | If you record your name and reason for calling, I'll see if this person is available.",
        "The person you're calling is using a screening service. | Go ahead and say your name and why you are calling.",
        "Please say your name after the tone, and your call will be connected if they are available.",
        "Hello. | The person you have called does not take calls from unknown numbers. | Please state "
        "your name and the reason for your call.",
        "Call assist by Google. | Please say who is calling and what it is about.",
        "Before I connect you, please tell me your name.",
    ),
    "sit_invalid": (
        "We're sorry. | The number you have dialed is not in service. | Please check the number and dial again.",
        "Your call cannot be completed as dialed. | Please hang up and try again.",
        "The number you have reached has been disconnected. | No further information is available.",
        "The number you dialed is not a working number. | Please check the number.",
    ),
}

JUDGING: Said = {
    "human": (
        "Hello there.",
        "Yes, speaking.",
        "Hiya.",
        "Morning!",
        "Go ahead.",
        "Robinson.",
        "Hi, Kelly's phone, this is her sister.",
        "Good morning, Westfield Library.",
        "Harper and Sons, good afternoon.",
        "Good morning, thank you for calling Blue Lake Clinic, this is Amy, how may I direct your call?",
        "Hello, yes, who am I speaking with?",
        "Sorry, hello, I was just outside.",
        "Yep, this is he.",
        "Hello? | Hello, anybody there?",
        "Hi, what can I do for you?",
        "Can I call you back later?",
    ),
    "voicemail": (
        "You've reached Nora's voicemail. | Please leave a message and I promise to call you back.",
        "Hello, this is Victor. | You have reached my voicemail.",
        "If you are looking for Kim, you have found her. | Leave a message.",
        "You have reached Jane Porter. | I'm unavailable at the moment. | I will respond in due time.",
        "Mommy and daddy are not at home. | Tell us who you are when you hear the beep.",
        "I'm either on the phone or out of my office. | Please leave your name and a short message.",
        "We missed your call. | Tell us what you need, and a member of our team will get in touch.",
        "Hi, it's Olivia. | I never check my voicemail, so text me instead.",
        "Thank you for calling Pine Street Dental. | Our office is closed at this time. | If this is an "
        "emergency, please call the after hours line.",
        "Hey there. | Guess who is not here. | You know the drill.",
        "The customer at this number is currently busy. | Record your message after the tone.",
        "Good morning, you are through to the answerphone of Paul Green. | Please speak clearly after the beep.",
        "I'm on holiday until the fifth of May. | For urgent matters, please contact my colleague.",
        "Your call is being transferred to voicemail. | No answer from extension two one four.",
    ),
    "ivr": (
        "You have reached the law offices of Dewey and Stone. | Please choose from the following options.",
        "Thank you for calling. | Please dial your party's extension now, or wait for the operator.",
        "Hi, I'm Ava, the virtual assistant. | In a few words, tell me why you are calling.",
        "Good evening and welcome to River Theater. | For tickets, say tickets. | For directions, say directions.",
        "We are experiencing higher than normal call volume. | Your estimated wait time is eight minutes.",
        "To pay your bill, press one now. | To report an outage, press two now.",
        "Please have your account number ready. | This conversation will be recorded for training.",
    ),
    "screening": (
        "Hi there, the person you're trying to call would like to know who is calling. | Please say your "
        "name and why you're calling.",
        "Thanks for calling. | Stay on the line while I check whether they can talk.",
        "This number is protected by a call filter. | Please state your business.",
        "Say your name, and I will ask if they want to take the call.",
    ),
    "sit_invalid": (
        "We are sorry, you have reached a number that is no longer in use.",
        "Your call did not go through. | Please try your call again.",
        "The number you have called is not assigned. | Please verify the number and try again.",
    ),
}

HALVES = {"tuning": TUNING, "judging": JUDGING}
