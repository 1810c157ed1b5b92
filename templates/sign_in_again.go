package templates

// Names of the fields of [SignInAgain] for login and password. No other form has fields with these names.
const (
	AgainLogin    = "_login"
	AgainPassword = "_password"
)

// SignInAgainData fills [SignInAgain].
type SignInAgainData struct {
	Action  string // of the form that was sent
	Fields  []HiddenField
	Secrets bool   // passwords were typed, which are not kept
	Login   string // as typed
	Error   string // why the sign-in was refused
}
