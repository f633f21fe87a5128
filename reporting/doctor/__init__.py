"""What a run needs, checked before it is missed; and what only a real tenant can settle, asked of one."""
