package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"
)

type status string

// Statuses as written to the table and to table.json.
const (
	statusOK       status = "ok"
	statusFailed   status = "failed"
	statusNotTried status = "not tried"
)

// result is the outcome of a check, its finding in one line, and where to look after a failure.
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

func ok(format string, args ...any) result {
	return result{Status: statusOK, Seen: oneLine(format, args)}
}

func failed(lookAt, format string, args ...any) result {
	return result{Status: statusFailed, Seen: oneLine(format, args), LookAt: lookAt}
}

func notTried(format string, args ...any) result {
	return result{Status: statusNotTried, Seen: oneLine(format, args)}
}

func oneLine(format string, args []any) string {
	return strings.Join(strings.Fields(fmt.Sprintf(format, args...)), " ")
}

// okUnless is ok when the list of problems is empty.
func okUnless(problems []string, lookAt, format string, args ...any) result {
	if len(problems) > 0 {
		return failed(lookAt, "%s", strings.Join(problems, "; "))
	}
	return ok(format, args...)
}

func exitCode(rows []row) int {
	for _, r := range rows {
		if r.Status == statusFailed {
			return exitFailed
		}
	}
	return exitOK
}

// table formats the rows for a person.
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
		fmt.Fprintf(&b, "%-9s  %s%s  %s\n", r.Status, r.Name, strings.Repeat(" ", wide-utf8.RuneCountInString(r.Name)), r.Seen)
		if r.LookAt != "" {
			fmt.Fprintf(&b, "%-9s  %s  look at: %s\n", "", strings.Repeat(" ", wide), r.LookAt)
		}
	}
	fmt.Fprintf(&b, "\n%d ok, %d failed, %d not tried\n", count[statusOK], count[statusFailed], count[statusNotTried])
	return b.String()
}

func tableJSON(rows []row) []byte {
	b, err := json.MarshalIndent(rows, "", "  ")
	if err != nil {
		panic(err) // cannot happen: a row holds strings only
	}
	return append(b, '\n')
}
