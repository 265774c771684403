-- Removes the rows of instances that did not begin after all.
DELETE FROM brainops.saga WHERE agent = $1 AND correlation = ANY ($2) AND revision = 0
