// Package pipe connects windows to the Windows service. The service holds the access of the whole computer, in a
// session.Manager. Each window shows the part that its person may see. It controls the access if that belongs to its
// person.
//
// Both sides send JSON objects, one a line, over a named pipe. Unknown fields and types are ignored, so that window
// and service of different versions work together during an update. A malformed or too long line ends the connection.
//
//	window   hello {version, lang, tickets}   first; lang is the language of all messages of the service, and tickets says
//	                                    that the window answers ticket
//	         knock                      probe: find out whether the gateway answers
//	         rest                       no probes needed; when no window needs them, the service stops probing
//	         login {login, password}
//	         change_password {login, password, new_password}   and log in, unless there is access
//	         extend {password}          the password is optional
//	         login_sso {login}          log in with the person's Kerberos tickets; login is the name to show
//	         ticket {id, token}         answers the service's ticket; instead of token there may be {code, value}, a problem
//	         logout
//	         end                        an administrator ends another person's access
//	service  status {status, control, can_end, changes_passwords, problem}   everything to show, after hello and at every change
//	         refused {code, message}    the last request was refused
//	         ticket {id, service}       asks a window of the owner for a token, because only the owner's programs can use the
//	                                    owner's Kerberos tickets
//
// # The owner of the access
//
// The access belongs to the person who logged in: a user in one logon session of Windows. Meanwhile other persons see
// only that there is access; they cannot log in, extend it or log out. An administrator with elevated rights can end
// it, in a window or by the command end (see End). The access ends at once when the Windows session ends, is switched
// away from or disconnected; locking the screen changes nothing. It also ends some seconds after the person's last
// window has closed.
//
// No message names the gateway. The service reads it from the registry, where only administrators can write.
//
// # Trust
//
// A window checks that the pipe's server is the process of the service before it sends anything: see Dial. The
// service fails when a pipe of this name exists: see Listen.
package pipe

// Service is the name of the Windows service.
const Service = "IdecoAgent"
