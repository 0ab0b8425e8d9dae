"""Pure indicator kernels and the projection that folds the event log into rows."""
