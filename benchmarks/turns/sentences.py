"""What callers say: hand-written sentences of telephone calls, each with the place where the caller stops to think.

``|`` is where the pause is. Some stop after a word that wants another one, some after words that could be a whole
sentence, some inside a number, some after a filler: as people do.
"""

from __future__ import annotations

__all__ = ["SENTENCES"]

SENTENCES = tuple(
    line.strip()
    for line in """
    I would like to order a | large coffee with oat milk.
    Can I get the small one | with soy milk instead?
    I am calling about my | appointment on Thursday.
    My name is Daniel and | I have a question about my bill.
    We need a table for | six people on Saturday evening.
    I want to fly to | Madrid on the second of May.
    Could you tell me when | the next train leaves?
    The address is twelve | Garden Street.
    My number is zero seven nine | four six zero one.
    I think I left my | umbrella in your shop yesterday.
    It started on Monday | and it has been getting worse.
    I paid for it already | but it never arrived.
    Please send it to | my office instead.
    I would like to change | my delivery address.
    The order number is four four | one nine two.
    Do you have anything | cheaper than that?
    I was wondering if | you could help me with my account.
    My daughter is allergic to | nuts and eggs.
    We are going to be | about ten minutes late.
    Is it possible to | pay by card?
    I live in the house | next to the bakery.
    She told me that | the office was closed.
    I need to speak to | somebody in the billing department.
    The reason I am calling is | that my card was declined.
    Let me see, um | I think it was last Tuesday.
    I have been waiting for | more than an hour.
    We would like the room | with a view of the lake.
    You can reach me at | my work number after nine.
    I bought a pair of shoes | and they do not fit.
    Can you put me through to | the doctor please?
    It is a black car with | a scratch on the door.
    I would like two tickets | for the concert on Friday.
    The password that you sent me | does not work.
    I do not want the | blue one, I want the green one.
    My wife and I | would like to book a weekend in June.
    I have two dogs and | a very old cat.
    Could we move the meeting to | Wednesday afternoon?
    I am looking for a gift for | my grandmother.
    He said he would call me | back before noon.
    I need it by Friday | because we leave on Saturday.
    What I really want is | a refund.
    The light on the machine is | blinking red.
    I tried to turn it off | and on again.
    There is a problem with | the heating in my flat.
    How much does it cost to | send a parcel to Norway?
    I will have the soup | and a glass of water.
    The last four digits are | seven one three eight.
    I ordered the large one | not the small one.
    When I press the button | nothing happens.
    I would prefer to come in | on a Monday morning.
    It is spelled with a | double t at the end.
    We moved here in | the spring of last year.
    I cannot log in since | I changed my telephone.
    Do I need to bring my | passport with me?
    The colour should be | dark grey, not black.
    I have already spoken to | one of your colleagues.
    Is there a bus that goes to | the harbour from here?
    If it is not too late I | would like to cancel.
    My flight was cancelled and | I missed my connection.
    I think the best time would be | around half past three.
    Could you repeat the last | part of the address?
    I am on the corner of | Mill Road and Station Street.
    We have a reservation under | the name of Miller.
    I lost my key card so | I cannot open the door.
    My email address is anna at | garden mail dot com.
    It was about fifty dollars | maybe a little more.
    I was told that my parcel would | arrive this morning.
    The baby has had a fever since | last night.
    Uh, I need to, um | renew my library card.
    I want to know whether | my order has been shipped.
    Well, the thing is | I never signed that contract.
    The screen is cracked and | the battery is weak.
    Can I pick it up at | the shop in the old town?
    I would like a haircut | and maybe some colour.
    They charged me twice for | the same ticket.
    The meeting room should have | a projector and twelve chairs.
    My son will pick it up | around five.
    I have an old account with | a different address.
    You said it would take | three days at most.
    I am not sure which | form I have to fill in.
    Yes, I would like to | confirm my booking.
    The nearest station is | Oxford Circus, I believe.
    I would like to insure | my bicycle against theft.
    Tell him that his sister | called, and that it is urgent.
""".strip().splitlines()
)
