package templates

import (
	"strconv"
	"strings"

	"ideco-agent/agent"
)

func decimal(n int) string { return strconv.Itoa(n) }

func userID(id agent.UserID) string { return strconv.FormatInt(int64(id), 10) }

// list joins names for a sentence.
func list(names []string) string { return strings.Join(names, ", ") }
