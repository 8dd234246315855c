;; Never comes to the end of its instantiation.
;;
;; expect: start ran longer than its limit of 100 ms (execution_time)
(module (func $spin (loop $on (br $on))) (start $spin))
