package handlers

import "ideco-agent/agent/accountcsv"

// maxImports limits the files that are kept between their preview and the confirmation.
const maxImports = 4

// importDraft is a file of accounts that waits for its confirmation.
type importDraft struct {
	name string // of the file
	file accountcsv.File
	plan accountcsv.Plan // as shown
}
