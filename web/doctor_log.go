package web

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"ideco-agent/agent"
)

// logKeysOfBundle are the keys of the log that the file for support has. None has a person, a computer of one, or an address.
var logKeysOfBundle = []string{"time", "level", "msg", "error", "event", "reason", "why", "code", "cause", "ref", "origin", "kind", "domain", "directory",
	"controller", "source", "ends", "order", "enabled", "format", "method", "path", "lan", "wan", "interface", "interfaces", "elements", "table", "chain",
	"tunnel", "mode", "network", "before", "port", "version", "portal", "agents", "http", "firewall", "file", "left_out", "sessions", "of"}

// logPair is a key with its value as package slog writes them: "key=value" or `key="a value"`.
var logPair = regexp.MustCompile(`([A-Za-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]*)`)

// safeLog returns the lines of a log with the keys that it may have. Other lines are left out and counted.
func safeLog(log []byte, names peopleNames) []byte {
	var b strings.Builder
	others := 0
	for line := range strings.Lines(string(log)) {
		pairs := parseLogLine(strings.TrimSpace(line))
		if pairs["msg"] == "" {
			others++
			continue
		}
		fmt.Fprintln(&b, names.safeLine(pairs))
	}
	if others > 0 {
		fmt.Fprintf(&b, "# lines of another form, left out: %d\n", others)
	}
	return []byte(b.String())
}

// safeLine returns the pairs with the keys that a line may have.
func (n peopleNames) safeLine(pairs map[string]string) string {
	var words []string
	for _, key := range logKeysOfBundle {
		if value, ok := pairs[key]; ok {
			if key != "msg" && key != "time" && key != "level" {
				value = n.mask(value)
			}
			words = append(words, key+"="+strconv.Quote(value))
		}
	}
	return strings.Join(words, " ")
}

// recordKey is the beginning of an attribute in agent.LogRecord.Text.
var recordKey = regexp.MustCompile(` ([a-z_]+)=`)

// parseRecord reads the text of an agent.LogRecord.
func parseRecord(text string) map[string]string {
	pairs := map[string]string{}
	key, from := "msg", 0
	for _, at := range recordKey.FindAllStringSubmatchIndex(text, -1) {
		pairs[key] = text[from:at[0]]
		key, from = text[at[2]:at[3]], at[1]
	}
	pairs[key] = text[from:]
	return pairs
}

// parseLogLine reads a line of the log in either format. Without a message it is none.
func parseLogLine(line string) map[string]string {
	pairs := map[string]string{}
	if strings.HasPrefix(line, "{") {
		var values map[string]any
		if json.Unmarshal([]byte(line), &values) != nil {
			return nil
		}
		for key, value := range values {
			pairs[key] = fmt.Sprint(value)
		}
		return pairs
	}
	for _, m := range logPair.FindAllStringSubmatch(line, -1) {
		value, err := strconv.Unquote(m[2])
		if err != nil {
			value = m[2]
		}
		if _, has := pairs[m[1]]; !has {
			pairs[m[1]] = value
		}
	}
	return pairs
}

// peopleNames are the words by which people of the gateway are known: logins and names, in lower case.
type peopleNames map[string]bool

// masked stands for the name of a person.
const masked = "***"

// peopleNames reads all accounts. Without the database nothing is known, and what is written has no logins but in errors.
func (d *doctor) peopleNames(ctx context.Context) peopleNames {
	names := peopleNames{}
	if d.db == nil {
		return names
	}
	users, _, err := d.db.Users(ctx, agent.UserFilter{}, 0, 0)
	if err != nil {
		d.log.Error("read the accounts", "error", err)
	}
	for _, u := range users {
		names.add(u.Login, u.FullLogin(), u.Name, u.Phone)
	}
	if d.directories != nil {
		all, _ := d.directories(ctx) // the checks have logged the error
		for _, s := range all {
			names.add(s.User)
		}
	}
	return names
}

func (n peopleNames) add(texts ...string) {
	for _, text := range texts {
		for _, word := range nameWord.FindAllString(text, -1) {
			if len([]rune(word)) > 2 {
				n[strings.ToLower(word)] = true
			}
		}
	}
}

// nameWord is a word that may be a login or a part of a name.
var nameWord = regexp.MustCompile(`[\p{L}\p{N}][\p{L}\p{N}_.@\\+-]*[\p{L}\p{N}_]|[\p{L}\p{N}]`)

// mask replaces the names of people in a text.
func (n peopleNames) mask(text string) string {
	return nameWord.ReplaceAllStringFunc(text, func(word string) string {
		if n[strings.ToLower(word)] {
			return masked
		}
		for _, part := range strings.FieldsFunc(word, func(r rune) bool { return r == '@' || r == '\\' }) {
			if part != word && n[strings.ToLower(part)] {
				return masked
			}
		}
		return word
	})
}

// maskReport returns a report without the names of people in the details of its results.
func (n peopleNames) maskReport(r agent.CheckReport) agent.CheckReport {
	maskArgs := func(args map[string]string) map[string]string {
		args = maps.Clone(args)
		for name, value := range args {
			if slices.Contains([]string{"Error", "Login", "Program"}, name) {
				args[name] = n.mask(value)
			}
		}
		return args
	}
	r.Checks = slices.Clone(r.Checks)
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Args = maskArgs(c.Args)
		if c.Step != nil {
			step := *c.Step
			step.Args, step.Details = maskArgs(step.Args), nil
			c.Step = &step
		}
	}
	return r
}
