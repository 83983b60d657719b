"""What a user's DSP is: processors, their parameters and events, chains and the programs they become."""
