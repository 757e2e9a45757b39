"""What the candidate sees and answers.

In: custody's View, the exam's paper, and, in the camera check alone, frames. Out: what the candidate does, as
requests to custody. It keeps nothing itself: when it dies, the browser holds the answers that are not saved yet,
and the next run goes on where custody says the session stands.
"""
