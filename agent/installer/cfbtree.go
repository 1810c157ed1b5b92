package installer

import (
	"errors"
	"fmt"
	"slices"
	"unicode"
	"unicode/utf16"
)

// noNode means that a directory entry has no neighbour.
const noNode = 0xFFFFFFFF

// node is a directory entry as a node of the tree in which Windows searches for names.
type node struct {
	used               bool
	root               bool
	class              [16]byte // CLSID; of the root: the type of the file
	name               []uint16
	left, right, child uint32
}

// installerClass is {000C1084-0000-0000-C000-000000000046}, the CLSID of an MSI.
var installerClass = [16]byte{0x84, 0x10, 0x0C, 8: 0xC0, 15: 0x46}

func nodeOf(e []byte) node {
	n := node{used: e[66] != 0, root: e[66] == rootType, left: u32(e, 68), right: u32(e, 72), child: u32(e, 76)}
	copy(n.class[:], e[80:])
	for i := range nameUnits(e) {
		n.name = append(n.name, u16(e, 2*i))
	}
	return n
}

// compareNames orders names as the tree does (MS-CFB 2.6.4): a shorter name comes first, and names of one length are
// compared in upper case.
func compareNames(a, b []uint16) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return slices.CompareFunc(a, b, func(x, y uint16) int { return int(upper(x)) - int(upper(y)) })
}

func upper(u uint16) uint16 {
	if r := unicode.ToUpper(rune(u)); r <= 0xFFFF && !utf16.IsSurrogate(rune(u)) {
		return uint16(r)
	}
	return u
}

// checkTree checks that the file is an MSI and that a search from the root finds every stream.
func (c *compound) checkTree() error {
	if len(c.tree) == 0 || !c.tree[0].root {
		return errors.New("the first entry is not the root")
	}
	if c.tree[0].class != installerClass {
		return fmt.Errorf("the root has the class %x, which is not an installer's", c.tree[0].class)
	}
	found := make([]bool, len(c.tree))
	var before *node
	var walk func(at uint32) error
	walk = func(at uint32) error {
		if at == noNode {
			return nil
		}
		if int64(at) >= int64(len(c.tree)) || !c.tree[at].used || found[at] {
			return fmt.Errorf("entry %d is no stream, or in the tree twice", at)
		}
		found[at] = true
		n := &c.tree[at]
		if err := walk(n.left); err != nil {
			return err
		}
		if before != nil && compareNames(before.name, n.name) >= 0 {
			return fmt.Errorf("the name of entry %d is out of order: a search does not find it", at)
		}
		before = n
		return walk(n.right)
	}
	if err := walk(c.tree[0].child); err != nil {
		return err
	}
	for at, n := range c.tree {
		if n.used && !n.root && !found[at] {
			return fmt.Errorf("entry %d is not in the tree", at)
		}
	}
	return nil
}
