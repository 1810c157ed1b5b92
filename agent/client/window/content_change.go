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
	Answered bool // the open form has had a result
	Login    string
	Typed    ChangeTexts
}

// showsChange reports whether the form that changes the password is shown, in place of the other form and the card.
func (in Input) showsChange() bool { return in.Change.Open && in.Holder != session.Other }

// inSession reports whether the password is changed during a session.
func (in Input) inSession() bool { return in.HasAccess() || in.State == client.Reconnecting }

// applyChange puts the form that changes the password into c, or the button that opens it.
func (in Input) applyChange(c *Content) {
	if !in.showsChange() {
		c.Toggle = Button{Text: in.text(locale.OpenChange), Action: ActionOpenChange, Enabled: true, Shown: in.Change.Possible}
		return
	}
	busy := in.Change.Running || in.Busy() && !in.inSession()
	field := func(key, text string, shown bool) Field {
		return Field{Shown: shown, Label: in.text(key), Text: text, Enabled: !busy}
	}
	c.Change, c.Form, c.Rows, c.Login, c.Password, c.Address, c.Extend.Shown = true, false, nil, Field{}, Field{}, Field{}, false
	c.SSO.Shown = false
	c.Current = field(locale.FieldCurrent, in.Change.Typed.Current, in.inSession())
	c.New = field(locale.FieldNew, in.Change.Typed.New, true)
	c.Repeat = field(locale.FieldRepeat, in.Change.Typed.Repeat, true)
	c.Toggle = Button{Text: in.text(locale.Back), Action: ActionCloseChange, Enabled: !busy, Shown: true}
	if in.inSession() {
		c.Main = Button{Text: in.text(locale.ChangePassword), Action: ActionChange, Enabled: !busy && in.HasAccess(), Shown: true}
		return
	}
	c.Who = in.text(locale.ChangeFor, "value", shorten(in.Change.Login, maxLogin))
	if !in.Busy() {
		c.Main = Button{Text: in.text(locale.ChangeAndLogIn), Action: ActionChange, Enabled: !busy, Shown: true}
	}
}

// applyChangeMessage shows during a session, too, what is wrong with the typed passwords: as the status of the window, but not of the tray
// icon.
func (in Input) applyChangeMessage(c *Content) {
	kept, refused := in.Notice(client.NoticePasswordKept)
	switch {
	case !c.Change || !in.inSession():
	case in.OwnMessage != "":
		c.Icon, c.Status, c.Notes = IconAttention, in.OwnMessage, c.Notes[:len(c.Notes)-1]
	case refused && in.Change.Answered:
		c.Icon, c.Status = IconError, kept.Message
	}
}
