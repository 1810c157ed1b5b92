package pipe

// path is the name of the pipe.
const path = `\\.\pipe\IdecoAgent`

// Permissions on the pipe: nothing for callers from the network, everything for SYSTEM and administrators, userRights
// for users logged on to this computer.
const (
	permissions = "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x12019b;;;IU)"

	// userRights are reading and writing. GENERIC_WRITE would include FILE_CREATE_PIPE_INSTANCE, with which a user
	// could serve other users' windows in place of the service.
	userRights = 0x12019b
)
