package handlers

import (
	"encoding/json"
	"strconv"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// restQuery reads the parameters in the query string of a REST request. Once all are read, err returns what was wrong with them.
type restQuery struct {
	value    func(name string) string
	problems agent.Problems
	badJSON  error
}

// err returns badJSON if there is one, otherwise all problems, and nil if there are none.
func (q *restQuery) err() error {
	if q.badJSON == nil && len(q.problems) > 0 {
		return q.problems
	}
	return q.badJSON
}

// refuse adds the problem that a parameter has a wrong value.
func (q *restQuery) refuse(name string) {
	q.problems = append(q.problems, agent.Problem{Field: name, Code: locale.JournalValue, Value: agent.Clean(q.value(name), agent.MaxName)})
}

// number reads a number from 0 to most. Without the parameter it returns absent.
func (q *restQuery) number(name string, absent, most int) int {
	text := q.value(name)
	if text == "" {
		return absent
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || n > most {
		q.refuse(name)
	}
	return n
}

// moment reads a time in RFC 3339. It is zero if the parameter is absent.
func (q *restQuery) moment(name string) (t time.Time) {
	if text := q.value(name); text != "" {
		var err error
		if t, err = time.Parse(time.RFC3339, text); err != nil {
			q.refuse(name)
		}
	}
	return t
}

// decode reads a value in JSON, unless the parameter is absent.
func (q *restQuery) decode(name string, into any) {
	text := q.value(name)
	if text == "" || q.badJSON != nil {
		return
	}
	if err := json.Unmarshal([]byte(text), into); err != nil {
		q.badJSON = readBadJSON(err, []byte(text), name)
	}
}
