// Package accountcsv reads and writes local accounts as a table of comma-separated values (CSV), as spreadsheet programs save
// it, and finds out what an import would change.
//
// [Parse] reads a file, [NewPlan] compares it with the accounts that exist, [Write] makes a file. None of them stores anything.
//
// The first row of a file names the columns, in Russian or in English and in any order; see [Columns]. Only the column of logins
// is required. A column that a file lacks changes nothing. An empty cell clears a name, group, phone or comment. An empty cell of
// another column changes nothing, and for a new account it means: switched on, remote access as the groups allow it, the password
// must be changed at the first login.
//
// A file has no column for administrators: nobody becomes one by a file.
//
// The encoding is UTF-8, UTF-16 with a byte order mark, or Windows-1251. The separator is a semicolon, a comma or a tab.
package accountcsv
