package directory

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"ideco-agent/agent"
)

// wrongTries counts the wrong passwords of search accounts, so that an administrator who tries settings does not lock the account
// in its domain: nobody could log in then.
type wrongTries struct {
	one chan struct{} // place of a try: parallel ones give no extra tries
	mu  sync.Mutex
	at  map[string][]time.Time // by account; guarded by mu
}

func newWrongTries() *wrongTries {
	return &wrongTries{one: make(chan struct{}, 1), at: map[string][]time.Time{}}
}

// full returns the refusal of a further try, or nil.
func (w *wrongTries) full(s agent.DirectorySettings) error {
	rule, typed := typedLockout(s)
	if !typed {
		rule = unknownLockout
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	list := w.at[searchAccount(s)]
	if len(list) == 0 || len(list) < max(rule.Limit-1, 1) {
		return nil
	}
	wait := time.Until(list[len(list)-1].Add(rule.Window))
	if wait <= 0 {
		delete(w.at, searchAccount(s))
		return nil
	}
	minutes := strconv.Itoa(int((wait + time.Minute - 1) / time.Minute))
	return &finding{Finding: agent.FindingSearchTries, Args: map[string]string{"Limit": strconv.Itoa(len(list)), "Minutes": minutes}}
}

// note counts a wrong password. The right one clears the count, as in the domain.
func (w *wrongTries) note(s agent.DirectorySettings, wrong bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.at) >= maxLogins {
		clear(w.at)
	}
	if wrong {
		w.at[searchAccount(s)] = append(w.at[searchAccount(s)], time.Now())
	} else {
		delete(w.at, searchAccount(s))
	}
}

func searchAccount(s agent.DirectorySettings) string {
	return s.Name + "\x00" + strings.ToLower(s.User)
}
