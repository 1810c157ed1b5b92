package pipe

// path is where its pipe is, in the name space of this computer.
const path = `\\.\pipe\IdecoAgent`

// What Windows permits on the pipe: nothing to callers from the network, everything to SYSTEM and administrators, and
// userRights to everybody who works at this computer.
const (
	permissions = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)"

	// userRights are to read and to write. For a pipe GENERIC_WRITE has FILE_CREATE_PIPE_INSTANCE in it, with which a user
	// could serve other users' windows in the service's place.
	userRights = 0x12019b
)
