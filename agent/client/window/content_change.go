package window

import (
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// ChangeInput describes the form that changes the password.
type ChangeInput struct {
	Possible bool // it may be opened
	Open     bool
	Running  bool // the result of the last request is not known yet
	Refused  bool // the last request of the open form was refused
	Login    string
	Typed    ChangeTexts
}

// changes reports whether the form that changes the password is shown, in place of the other form and the card.
func (in Input) changes() bool { return in.Change.Open && in.Holder != session.Other }

// onLive reports whether the password is changed during a session.
func (in Input) onLive() bool { return in.HasAccess() || in.State == client.Reconnecting }

// applyChange puts the form that changes the password into c, or the button that opens it.
func (in Input) applyChange(c *Content) {
	if !in.changes() {
		c.Other = Button{Text: in.text(locale.OpenChange), Action: ActionOpenChange, Enabled: true, Shown: in.Change.Possible}
		return
	}
	busy := in.Change.Running || in.Busy() && !in.onLive()
	field := func(key, text string, shown bool) Field {
		return Field{Shown: shown, Label: in.text(key), Text: text, Enabled: !busy}
	}
	c.Change, c.Form, c.Rows, c.Login, c.Password, c.Address, c.Extend.Shown = true, false, nil, Field{}, Field{}, Field{}, false
	c.SSO.Shown = false
	c.Current = field(locale.FieldCurrent, in.Change.Typed.Current, in.onLive())
	c.New = field(locale.FieldNew, in.Change.Typed.New, true)
	c.Repeat = field(locale.FieldRepeat, in.Change.Typed.Repeat, true)
	c.Other = Button{Text: in.text(locale.Back), Action: ActionCloseChange, Enabled: !busy, Shown: true}
	if in.onLive() {
		c.Main = Button{Text: in.text(locale.ChangePassword), Action: ActionChange, Enabled: !busy && in.HasAccess(), Shown: true}
		return
	}
	c.Who = in.text(locale.ChangeFor, "value", shorten(in.Change.Login, maxLogin))
	if !in.Busy() {
		c.Main = Button{Text: in.text(locale.ChangeAndLogIn), Action: ActionChange, Enabled: !busy, Shown: true}
	}
}

// applyChangeMessage shows what is wrong with the typed passwords as the status, also during a session. The tray icon keeps the
// status of the session.
func (in Input) applyChangeMessage(c *Content) {
	kept, refused := in.Notice(client.NoticePasswordKept)
	switch {
	case !c.Change || !in.onLive():
	case in.OwnMessage != "":
		c.Icon, c.Status, c.Notes = IconAttention, in.OwnMessage, c.Notes[:len(c.Notes)-1]
	case refused && in.Change.Refused:
		c.Icon, c.Status = IconError, kept.Message
	}
}
