// Package pipe connects windows to the Windows service. The service has the access of the whole computer, in a
// session.Manager. Every window, of whoever works here, sees what its person may know of it, and controls it while it is
// that person's.
//
// One JSON object a line goes each way over a named pipe. What is not known is ignored, so that a window and a service of
// different versions work together during an update; what is malformed or too long ends the connection.
//
//	window   hello {version, lang}      first; what the service says from then on is in this language
//	         knock                      probe: find out whether the gateway answers
//	         rest                       this window needs no probes; when none does, the service stops probing
//	         login {login, password}
//	         extend {password}          the password may be left out
//	         logout
//	         end                        an administrator ends somebody else's access
//	service  status {status, control, can_end, problem}   all that there is to show, after hello and at every change
//	         refused {code, message}    the last request was not taken
//
// # Whose the access is
//
// The access belongs to the person who logged in: a user in one logon session of Windows. While it lasts nobody else may
// log in, extend it or log out, and others learn nothing but that the computer is taken. An administrator, with elevated
// rights, may end it, in a window or by the command end of the program: see End. It ends at once when the person's Windows
// session does, or is switched away or disconnected; locking the screen changes nothing. It also ends when the person's
// last window has been gone for some seconds: closing the program closes the access.
//
// The gateway never comes through the pipe. The service reads it where only administrators may write.
//
// # Who listens
//
// Before a window says anything it checks that the pipe's server is the process of the service: see Dial. The service
// makes the pipe's first instance and takes no other one's place: see Listen.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package pipe

// Service is the name of the Windows service.
const Service = "IdecoAgent"
