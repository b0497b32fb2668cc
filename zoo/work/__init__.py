"""Work that takes long: jobs in processes side by side, results that are kept by key, and what a run looks like."""
