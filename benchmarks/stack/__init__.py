"""What a whole run takes and costs: command line and deployed stack on a stand-in with the delays of AWS."""
