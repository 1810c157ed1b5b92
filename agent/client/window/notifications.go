package window

import (
	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

// Notification is shown at the tray icon when the window is not in the foreground.
type Notification struct {
	Icon Icon
	Text string
}

// Notifications returns the notifications for a change from was to is.
func Notifications(lang locale.Lang, was, is session.Status) (list []Notification) {
	if is.Holder == session.Other {
		return nil
	}
	if n, ok := stateNotification(lang, was, is); ok {
		list = append(list, n)
	}
	for _, code := range []string{client.NoticeExpiring, client.NoticePasswordExpiring} {
		n, ok := is.Notice(code)
		if before, had := was.Notice(code); ok && (!had || before.Message != n.Message) {
			list = append(list, Notification{IconAttention, n.Message})
		}
	}
	return list
}

// stateNotification returns the notification for a change of the state.
func stateNotification(lang locale.Lang, was, is session.Status) (Notification, bool) {
	message := Input{Status: is, Lang: lang}.status()
	blocked := func(v session.Status) bool { return v.HasAccess() && v.Code != "" }
	switch {
	case was.Busy() && !is.Busy() && (is.Problem != nil || is.State == session.Idle):
		return Notification{IconAttention, message}, true // the service has stopped, which ended the access
	case was.HasAccess() && is.State == client.Reconnecting:
		return Notification{IconConnecting, message}, true
	case blocked(is) && !blocked(was):
		return Notification{IconAttention, message}, true
	case was.State == client.Reconnecting && is.HasAccess():
		return Notification{IconOK, locale.Text(lang, locale.CameBack)}, true
	case was.State != session.Idle && is.State == client.Ended && justEnded(was, is) && is.Code != string(agent.ReasonLogout):
		return Notification{IconAttention, message}, true // also without access before: a login may begin and end between two calls
	case !was.HasAccess() && was.State != client.Reconnecting:
		return Notification{}, false // during a login the person looks at the window
	case is.State == client.Failed:
		return Notification{IconAttention, message}, true
	}
	return Notification{}, false
}
