package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

// status is what came out of a check.
type status string

// Statuses, as the table and the JSON have them.
const (
	ok      status = "ok"
	failed  status = "failed"
	untried status = "untried here"
)

// result is the status of a check, what was seen in one line, and for a failure what to look at.
type result struct {
	Status status `json:"status"`
	Seen   string `json:"seen"`
	LookAt string `json:"look_at,omitempty"`
}

// row is one line of the table.
type row struct {
	Name string `json:"name"`
	result
}

func good(format string, args ...any) result { return result{Status: ok, Seen: text(format, args)} }

func bad(lookAt, format string, args ...any) result {
	return result{Status: failed, Seen: text(format, args), LookAt: lookAt}
}

func skipped(format string, args ...any) result {
	return result{Status: untried, Seen: text(format, args)}
}

// text is one line.
func text(format string, args []any) string {
	return strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
}

// verdict is good when nothing is wrong.
func verdict(wrong []string, lookAt, format string, args ...any) result {
	if len(wrong) > 0 {
		return bad(lookAt, "%s", strings.Join(wrong, "; "))
	}
	return good(format, args...)
}

// exitCode is 1 when a row failed.
func exitCode(rows []row) int {
	for _, r := range rows {
		if r.Status == failed {
			return exitFailed
		}
	}
	return exitOK
}

// table is what a person reads.
func table(rows []row) string {
	wide := 0
	for _, r := range rows {
		if n := utf8.RuneCountInString(r.Name); n > wide {
			wide = n
		}
	}
	var b strings.Builder
	count := map[status]int{}
	for _, r := range rows {
		count[r.Status]++
		fmt.Fprintf(&b, "%-12s  %s%s  %s\n", r.Status, r.Name, strings.Repeat(" ", wide-utf8.RuneCountInString(r.Name)), r.Seen)
		if r.LookAt != "" {
			fmt.Fprintf(&b, "%-12s  %s  look at: %s\n", "", strings.Repeat(" ", wide), r.LookAt)
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %d failed, %d untried here\n", count[ok], count[failed], count[untried])
	return b.String()
}

func tableJSON(rows []row) []byte {
	b, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		panic(err) // strings only
	}
	return append(b, '\n')
}
