package window

import (
	"unicode/utf16"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// Tray is the icon in the notification area.
type Tray struct {
	Icon Icon
	Tip  string
	Menu []Item
}

// Item is one of the menu. One without a text is a line between others.
type Item struct {
	Text    string
	Act     Act
	Enabled bool
}

const maxTip = 127 // UTF-16 units that Windows takes

func (s Scene) tray(f Face) Tray {
	t := Tray{Icon: f.Icon, Tip: shorten(s.text(locale.ProductName)+": "+f.Status, maxTip)}
	_, expiring := s.View.Notice(client.NoticeExpiring)
	if f.Icon == IconError || f.Icon == IconOK && expiring {
		t.Icon = IconAttention
	}
	line := Item{}
	t.Menu = []Item{{s.text(locale.MenuOpen), ActOpen, true}, line, {f.Main.Text, f.Main.Act, f.Main.Enabled}}
	if f.Extend.Shown {
		t.Menu = append(t.Menu, Item{f.Extend.Text, ActExtend, true})
	}
	t.Menu = append(t.Menu, line,
		Item{s.text(locale.MenuReport), ActReport, true},
		Item{s.text(locale.MenuLog), ActLog, true},
		Item{s.text(locale.MenuAbout), ActAbout, true}, line,
		Item{s.text(locale.MenuExit), ActExit, true})
	return t
}

// shorten cuts a text to what fits into so many UTF-16 units.
func shorten(s string, max int) string {
	units := 0
	for _, r := range s {
		units += len(utf16.Encode([]rune{r}))
	}
	if units <= max {
		return s
	}
	units = 1 // of the dots
	for i, r := range s {
		if units += len(utf16.Encode([]rune{r})); units > max {
			return s[:i] + "…"
		}
	}
	return s
}
