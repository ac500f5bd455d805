package ilp

import (
	"encoding/json"
	"io"
)

// WriteJSON writes the report for machines.
func (r *Report) WriteJSON(w io.Writer) error { return json.NewEncoder(w).Encode(r) }
