"""The float network becomes int8: candidates, their comparison with the float network, acceptance."""
