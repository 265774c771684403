//! Services, environments, deployments and DORA figures.
