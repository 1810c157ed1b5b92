package installer

import (
	"errors"
	"fmt"
)

const summaryName = "\x05SummaryInformation"

// summary holds the properties of the summary stream that Windows Installer needs.
type summary struct {
	template      string // platform and language
	packageCode   string
	packageCodeAt int64 // offset of the text in the stream
	schema        int   // the least version of Windows Installer, times 100
	source        int   // bits: short file names, compressed files
}

// Properties of the summary stream, and the types that they have (MS-OLEPS).
const (
	summaryTemplate    = 7
	summaryPackageCode = 9
	summarySchema      = 14
	summarySource      = 15

	typeInteger = 3
	typeText    = 30
)

// parseSummary parses the summary stream (MS-OLEPS): a list of properties with the offsets of their values.
func parseSummary(b []byte) (summary, error) {
	var s summary
	if len(b) < 48 || u16(b, 0) != 0xFFFE {
		return s, errors.New("the summary is not a set of properties")
	}
	section := int64(u32(b, 44))
	if section+8 > int64(len(b)) {
		return s, errors.New("the summary is cut off")
	}
	list := section + 8
	for n := int64(u32(b, int(section)+4)); n > 0 && list+8 <= int64(len(b)); n, list = n-1, list+8 {
		at := section + int64(u32(b, int(list)+4))
		if at+8 > int64(len(b)) {
			return s, errors.New("the summary is cut off")
		}
		value, kind := u32(b, int(at)+4), u32(b, int(at))
		switch id := u32(b, int(list)); {
		case id == summaryTemplate && kind == typeText:
			s.template = summaryText(b, at+8, int64(value))
		case id == summaryPackageCode && kind == typeText:
			s.packageCode, s.packageCodeAt = summaryText(b, at+8, int64(value)), at+8
		case id == summarySchema && kind == typeInteger:
			s.schema = int(value)
		case id == summarySource && kind == typeInteger:
			s.source = int(value)
		}
	}
	if !isCode(s.packageCode) {
		return s, fmt.Errorf("the summary's PackageCode is not a code of %d characters", codeLength)
	}
	return s, nil
}

// summaryText returns a text of size bytes, which include the zero at its end.
func summaryText(b []byte, at, size int64) string {
	if size < 1 || at+size > int64(len(b)) {
		return ""
	}
	return string(b[at : at+size-1])
}
