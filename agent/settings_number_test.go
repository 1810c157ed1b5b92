package agent

import (
	"math"
	"testing"
	"time"
)

// TestNumbers: a new gateway has the defaults; Min and Max are allowed, and values beyond them are refused.
func TestNumbers(t *testing.T) {
	names, keys := map[string]bool{}, map[string]bool{}
	for _, n := range Numbers() {
		if names[n.Name] || keys[n.Key] {
			t.Errorf("%s (%s) is there twice", n.Name, n.Key)
		}
		names[n.Name], keys[n.Key] = true, true
		s := DefaultSettings()
		if n.Get(&s) != n.Default || n.Default < n.Min || n.Default > n.Max {
			t.Errorf("%s is %v on a new gateway, want %v", n.Name, n.Get(&s), n.Default)
		}
		for _, v := range []float64{n.Min, n.Max} {
			if n.Set(&s, v); n.Get(&s) != v || len(s.Check()) != 0 {
				t.Errorf("%s: %v became %v: %v", n.Name, v, n.Get(&s), s.Check())
			}
			var read Settings
			if p := n.Parse(&read, n.Text(&s)); p.Code != "" || n.Get(&read) != v {
				t.Errorf("%s: %q is read as %v, %v", n.Name, n.Text(&s), n.Get(&read), p)
			}
		}
		step := 1.0
		if n.Fraction {
			step = 0.0005
		}
		for _, v := range []float64{n.Min - step, n.Max + step, -math.MaxFloat64, math.Inf(1)} {
			n.Set(&s, v)
			if p := s.Check(); len(p) != 1 || p[0].Field != n.Name || p[0].Code != n.Code {
				t.Errorf("%s: %v is taken: %v", n.Name, v, p)
			}
		}
	}
}

func TestNumberParse(t *testing.T) {
	hours, seconds, devices := SessionNumbers[0], FirewallTimeout, SessionNumbers[3]
	for _, c := range []struct {
		n    NumberSetting
		text string
		want int64 // nanoseconds or things; -1 = refused
	}{
		{hours, "24", int64(24 * time.Hour)}, {hours, " 0,5 ", int64(30 * time.Minute)}, {hours, "0.001", int64(3600 * time.Millisecond)},
		{hours, "", -1}, {hours, "NaN", -1}, {hours, "a day", -1},
		{seconds, "60", int64(time.Minute)}, {seconds, "1.5", -1}, {seconds, "-1", -1}, {seconds, "2147483648", -1}, {seconds, "", -1},
		{devices, "5", 5}, {devices, "+5", 5}, {devices, "five", -1}, {devices, "5.0", -1},
	} {
		var s Settings
		p := c.n.Parse(&s, c.text)
		if refused := p == (Problem{c.n.Name, "field_number", ""}); refused != (c.want < 0) || !refused && c.n.raw(&s) != c.want {
			t.Errorf("%s %q: %v, %v", c.n.Name, c.text, c.n.raw(&s), p)
		}
	}
	var s Settings
	if hours.Parse(&s, "inf"); hours.Get(&s) != hours.Max+1 {
		t.Errorf("without an end: %v hours", hours.Get(&s))
	}
}

// TestNumberSettingFraction: a fraction is refused, not cut off, unless Fraction is set.
func TestNumberSettingFraction(t *testing.T) {
	for _, n := range Numbers() {
		if n.Fraction {
			continue
		}
		s := DefaultSettings()
		if n.Set(&s, n.Default+0.3); len(s.Check()) != 1 {
			t.Errorf("%s: %v gives %s, problems %v", n.Name, n.Default+0.3, n.Text(&s), s.Check())
		}
	}
}
