"""The live preview: a template's own files as a web page on this machine, filled with rows as they arrive.

`pbir` reads the files, `tables` and `service_rows` or `gold_rows` keep the rows, `engine` computes what a visual shows,
`page` and `drawing` make a web page of it.
"""
