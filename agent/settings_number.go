package agent

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// NumberSetting describes a setting that is a number. REST, the store and the forms use it. The values are in
// settings_defaults.go.
type NumberSetting struct {
	Name     string        // in REST and forms; the catalogues have its label as Name and its help as Name + "_help"
	Key      string        // in the store; never changes
	Code     string        // of the Problem for a value out of range
	Unit     time.Duration // of Default, Min and Max; 1 for an int
	Fraction bool          // fractions are allowed

	Default, Min, Max float64

	Field func(*Settings) any // a *time.Duration or an *int
}

// AgentNumbers are the numbers on the page «Ideco-agent».
func AgentNumbers() []NumberSetting {
	return append(append([]NumberSetting{}, SessionNumbers...), JournalNumbers...)
}

// Numbers are the numbers of all pages.
func Numbers() []NumberSetting { return append(AgentNumbers(), FirewallTimeout) }

// Get returns the value in Unit.
func (n NumberSetting) Get(s *Settings) float64 {
	raw := n.raw(s)
	return float64(raw/int64(n.Unit)) + float64(raw%int64(n.Unit))/float64(n.Unit)
}

// Set changes the setting to a value in Unit. A value out of range, or a fraction that is not allowed, becomes Min-1 or Max+1,
// so that it does not overflow and Check refuses it.
func (n NumberSetting) Set(s *Settings, value float64) {
	if !n.Fraction && value != math.Trunc(value) {
		value = n.Max + 1
	}
	raw := math.Max(n.Min-1, math.Min(value, n.Max+1)) * float64(n.Unit)
	switch field := n.Field(s).(type) {
	case *time.Duration:
		*field = time.Duration(raw)
	case *int:
		*field = int(raw)
	}
}

// Text returns the value for its form field.
func (n NumberSetting) Text(s *Settings) string { return strconv.FormatFloat(n.Get(s), 'f', -1, 64) }

// Parse sets the value from text: "24" or, with Fraction, "0.5" or "0,5".
func (n NumberSetting) Parse(s *Settings, text string) Problem {
	text = strings.TrimSpace(text)
	var value float64
	var err error
	if n.Fraction {
		value, err = strconv.ParseFloat(strings.Replace(text, ",", ".", 1), 64)
	} else {
		var whole uint64
		whole, err = strconv.ParseUint(strings.TrimPrefix(text, "+"), 10, 31)
		value = float64(whole)
	}
	if err != nil || math.IsNaN(value) {
		return Problem{n.Name, "field_number", ""}
	}
	n.Set(s, value)
	return Problem{}
}

func (n NumberSetting) raw(s *Settings) int64 {
	if d, ok := n.Field(s).(*time.Duration); ok {
		return int64(*d)
	}
	return int64(*n.Field(s).(*int))
}

func (c *settingsCheck) number(s *Settings, n NumberSetting) {
	raw, unit := n.raw(s), float64(n.Unit)
	c.refuse(raw < int64(n.Min*unit) || raw > int64(n.Max*unit) || !n.Fraction && raw%int64(n.Unit) != 0, n.Name, n.Code, "")
}
