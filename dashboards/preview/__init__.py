"""The live preview: a template's own files as a web page on this machine, filled with rows as they arrive.

`template` reads the files, `tables` and `service_rows` or `gold_rows` keep the rows, `engine` computes what a visual
shows, `plan` finds the drawing of its type, `board` and `tab` make a web page of it.
"""
