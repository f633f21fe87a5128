"""The command line `livegold`: one small module a command. The front door, and the only room that knows every other."""
