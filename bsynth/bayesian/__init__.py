"""The Bayesian path: a request becomes a plan, a plan a posterior with its gate."""
