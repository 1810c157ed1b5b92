package agent

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// NumberSetting is a setting that is a number: of hours, of seconds, of things. What is particular to one stands in
// settings_defaults.go; REST, the store, the forms and their texts follow from it.
type NumberSetting struct {
	Name     string        // in REST and forms; its label is the text Name, its helper text Name + "_help"
	Key      string        // in the store, for ever
	Code     string        // of the Problem when it is out of range
	Unit     time.Duration // of Default, Min and Max in a time.Duration; 1 for an int
	Fraction bool          // it need not be whole

	Default, Min, Max float64

	Field func(*Settings) any // a *time.Duration or an *int
}

// AgentNumbers are all numbers on the page «Ideco-agent».
func AgentNumbers() []NumberSetting {
	return append(append([]NumberSetting{}, SessionNumbers...), JournalNumbers...)
}

// Numbers are all settings that are numbers.
func Numbers() []NumberSetting { return append(AgentNumbers(), FirewallTimeout) }

// Get is the setting in its unit.
func (n NumberSetting) Get(s *Settings) float64 {
	raw := n.raw(s)
	return float64(raw/int64(n.Unit)) + float64(raw%int64(n.Unit))/float64(n.Unit)
}

// Set changes the setting. What is out of range stays out of range, without an overflow, so that Check refuses it; so does a
// fraction where none may be.
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

// Text is the setting as it stands in its field.
func (n NumberSetting) Text(s *Settings) string { return strconv.FormatFloat(n.Get(s), 'f', -1, 64) }

// Parse reads the setting as people write it: "24", and where it need not be whole "0.5" or "0,5".
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
