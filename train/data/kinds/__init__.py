"""Made pictures that are no photographs, and the fit of the model that tells them from photographs."""
