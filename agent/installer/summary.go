package installer

import (
	"errors"
	"fmt"
)

const summaryName = "\x05SummaryInformation"

// packageCodeAt finds the PackageCode in the summary stream (MS-OLEPS): property 9, a text of codeLength bytes.
func packageCodeAt(b []byte) (int64, error) {
	const packageCode, textType = 9, 30
	if len(b) < 48 || u16(b, 0) != 0xFFFE {
		return 0, errors.New("the summary is not a set of properties")
	}
	section := int64(u32(b, 44))
	if section+8 > int64(len(b)) {
		return 0, errors.New("the summary is cut off")
	}
	list := section + 8
	for n := int64(u32(b, int(section)+4)); n > 0 && list+8 <= int64(len(b)); n, list = n-1, list+8 {
		if u32(b, int(list)) != packageCode {
			continue
		}
		at := section + int64(u32(b, int(list)+4))
		if at+8+codeLength > int64(len(b)) || u32(b, int(at)) != textType || !isCode(string(b[at+8:at+8+codeLength])) {
			return 0, fmt.Errorf("the summary's PackageCode is not a code of %d characters", codeLength)
		}
		return at + 8, nil
	}
	return 0, errors.New("the summary lacks a PackageCode")
}
