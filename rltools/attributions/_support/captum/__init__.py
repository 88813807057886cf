"""Methods of Captum: calling its classes on target functions, and `captum:<Name>` for each of them."""
