"""What each type of visual looks like: HTML or chart options out of a visual's file and an answer. No rows, no page.

`DRAWN` has every type that can be drawn; `question_of` says what one asks.
"""
