;; Grows its memory until the host refuses, when the host asks for room.
;;
;; expect: letter failed: failed after it was refused memory beyond its limit of 1048576 bytes (memory)
;; limits: memory = "1 MiB"
(module
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (if (i32.ne (local.get 2) (i32.const 1)) (then (return (i32.const 32768)))) ;; not for a message
    (loop $on (br_if $on (i32.ne (i32.const -1) (memory.grow (i32.const 1)))))
    (unreachable)))
