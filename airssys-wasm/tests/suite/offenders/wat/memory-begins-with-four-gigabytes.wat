;; Asks for all 32-bit addresses at its start.
;;
;; expect: load memory has a minimum byte size of 4294967296
(module (memory (export "memory") 65536))
