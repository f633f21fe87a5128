"""The command line `livegold`: one small module per command. The only package that depends on all the others."""
