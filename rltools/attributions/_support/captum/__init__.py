"""Methods of Captum: calls its classes on target functions, and offers each of them as `captum:<Name>`."""
