package window

import (
	"unicode/utf16"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

type Tray struct {
	Icon Icon
	Tip  string
	Menu []Item
}

// Item is a menu item. An empty Text means a separator.
type Item struct {
	Text    string
	Action  Action
	Enabled bool
}

const maxTip = 127 // UTF-16 units, a limit of Windows

func (in Input) tray(c Content) Tray {
	t := Tray{Icon: c.Icon, Tip: shorten(in.text(locale.ProductName)+": "+c.Status, maxTip)}
	_, expiring := in.Notice(client.NoticeExpiring)
	if c.Icon == IconError || c.Icon == IconOK && expiring {
		t.Icon = IconAttention
	}
	main, separator := c.Main, Item{}
	if c.Change && in.inSession() {
		main, _ = in.buttons() // logging out stays possible
	}
	t.Menu = []Item{{in.text(locale.MenuOpen), ActionOpen, true}, separator, {main.Text, main.Action, main.Enabled}}
	if c.SSO.Shown {
		t.Menu = append(t.Menu, Item{c.SSO.Text, ActionSSO, true})
	}
	if c.Extend.Shown {
		t.Menu = append(t.Menu, Item{c.Extend.Text, ActionExtend, true})
	}
	if c.Toggle.Shown && c.Toggle.Action == ActionOpenChange {
		t.Menu = append(t.Menu, Item{c.Toggle.Text, ActionOpenChange, true})
	}
	t.Menu = append(t.Menu, separator,
		Item{in.text(locale.MenuReport), ActionReport, true},
		Item{in.text(locale.MenuLog), ActionLog, true},
		Item{in.text(locale.MenuAbout), ActionAbout, true}, separator,
		Item{in.text(locale.MenuExit), ActionExit, true})
	return t
}

// shorten cuts a text to max UTF-16 units.
func shorten(s string, max int) string {
	units := 0
	for _, r := range s {
		units += len(utf16.Encode([]rune{r}))
	}
	if units <= max {
		return s
	}
	units = 1 // of the ellipsis
	for i, r := range s {
		if units += len(utf16.Encode([]rune{r})); units > max {
			return s[:i] + "…"
		}
	}
	return s
}
