;; A component written by hand that knows nothing of airssys: it exports `test:bell/bell` for a service.
;; `ring` returns the number of rings so far. It traps for 13, and runs forever for 14. For 15 it fills
;; its memory with instructions that nothing interrupts.
(module
  (global $rings (mut i32) (i32.const 0))
  (memory (export "memory") 1)
  (func (export "test:bell/bell@0.1.3#ring") (param i32) (result i32)
    (if (i32.eq (local.get 0) (i32.const 13)) (then unreachable))
    (if (i32.eq (local.get 0) (i32.const 14)) (then (loop $forever (br $forever))))
    (if (i32.eq (local.get 0) (i32.const 15)) (then
      (drop (memory.grow (i32.const 1600)))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x6400000))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x6400000))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x6400000))
      (memory.fill (i32.const 0) (i32.const 0) (i32.const 0x6400000))))
    (global.set $rings (i32.add (global.get $rings) (i32.const 1)))
    (global.get $rings)))
