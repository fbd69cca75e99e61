using System.Threading.Tasks.Sources;
using Grid.Client.Contracts;
using Grid.Formats.Buffers;
using Grid.Silo.Grains;

namespace Grid.Silo.Fronts;

/// <summary>
/// One bundle on this silo: gathers the replies to its batches, and answers its call, and those that collect the rest, with what is
/// there.
/// </summary>
/// <remarks>
/// <para>
/// When it answers. All replies are there: at once. All batches are executed and some replies are there, the first time: at once;
/// these are reads, and those that are missing wait for a commit. Otherwise the first answer comes <see cref="PartialMs"/> after the
/// call, be it with nothing, so that the caller's next bundle need not wait for a slow shard; a later one then if there is
/// something, and after <see cref="EmptyMs"/> in any case, so that the caller sees that the silo lives.
/// </para>
/// <para>Thread-safe.</para>
/// </remarks>
internal sealed class FrontCall : IValueTaskSource<BatchBundle>
{
    /// <summary>How long replies wait for others of their bundle, in milliseconds.</summary>
    public const int PartialMs = 5;

    /// <summary>How long a call that collects waits for a reply, in milliseconds.</summary>
    public const int EmptyMs = 500;

    /// <summary>How long replies wait to be collected, in milliseconds.</summary>
    public const int ForgottenMs = 60_000;

    private const int SequenceBits = 16;

    private readonly Lock _gate = new();
    private readonly FrontCalls _calls;
    private readonly int _count;
    private ManualResetValueTaskSourceCore<BatchBundle> _source;
    private BatchBundle _ready;
    private int _answered;
    private int _executed;
    private bool _waiting = true;
    private bool _answeredOnce;
    private bool _over;
    private long _sinceMs;

    private long _ticket;

    public FrontCall(FrontCalls calls, long id, int count, long nowMs)
    {
        _calls = calls;
        _count = count;
        Id = id;
        _ticket = id << SequenceBits;
        _sinceMs = nowMs;
        _ready = new BatchBundle(count);
    }

    /// <summary>What the tickets of this call have in common, see <see cref="IdOf"/>.</summary>
    public long Id { get; }

    /// <summary>The call that a ticket belongs to; the rest of it counts the answers, so that each is good for one call.</summary>
    public static long IdOf(long ticket) => ticket >> SequenceBits;

    /// <summary>The task of the call that waits now.</summary>
    public ValueTask<BatchBundle> Task => new(this, _source.Version);

    /// <summary>The token of the batch at <paramref name="place"/>.</summary>
    public ReplyToken At(int place) => new Slot(this, place);

    /// <summary>Another call comes for the rest.</summary>
    public ValueTask<BatchBundle> Collect(long ticket, long nowMs)
    {
        lock (_gate)
        {
            if (_waiting || _over || ticket != _ticket)
                throw new InvalidOperationException($"Ticket {ticket:x} was used before.");
            _source.Reset();
            _waiting = true;
            _sinceMs = nowMs;
            ValueTask<BatchBundle> task = Task;
            AnswerIf(_answered == _count);
            return task;
        }
    }

    /// <summary>Looks at the time; false if nobody came for the rest and it was dropped.</summary>
    public bool Tick(long nowMs)
    {
        lock (_gate)
        {
            if (_over)
                return true;
            long waited = nowMs - _sinceMs;
            if (_waiting)
            {
                AnswerIf(waited >= (_ready.Count > 0 || !_answeredOnce ? PartialMs : EmptyMs));
                return true;
            }

            if (waited < ForgottenMs)
                return true;
            _over = true;
            _ready.ReleaseReceived();
            return false;
        }
    }

    /// <summary>The silo ends: whoever waits gets what is there, and what comes later is dropped.</summary>
    public void End()
    {
        lock (_gate)
        {
            AnswerIf(due: true);
            if (!_over)
                _ready.ReleaseReceived();
            _over = true;
        }
    }

    /// <summary>Takes the reply to a batch.</summary>
    public void Reply(int place, PooledBuffer reply)
    {
        lock (_gate)
        {
            if (_over)
            {
                reply.ReleaseReceived();
                return;
            }

            _answered++;
            _ready.Add(place, reply);
            AnswerIf(_answered == _count || IsExecutedFirst());
        }
    }

    private void NoteExecuted()
    {
        lock (_gate)
        {
            _executed++;
            AnswerIf(IsExecutedFirst());
        }
    }

    private bool IsExecutedFirst() => !_answeredOnce && _executed == _count && _ready.Count > 0;

    private void AnswerIf(bool due)
    {
        if (!due || !_waiting || _over)
            return;
        BatchBundle ready = _ready;
        _waiting = false;
        _answeredOnce = true;
        _sinceMs = _calls.NowMs;
        if (_answered == _count)
        {
            _over = true;
            _calls.Forget(this);
        }
        else
        {
            ready.WithTicket(++_ticket);
            _ready = new BatchBundle(_count - _answered);
        }

        _source.SetResult(ready);
    }

    BatchBundle IValueTaskSource<BatchBundle>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<BatchBundle>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<BatchBundle>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private sealed class Slot(FrontCall call, int place) : ReplyToken
    {
        public override void OnExecuted() => call.NoteExecuted();

        protected override void Answer(PooledBuffer reply) => call.Reply(place, reply);
    }
}
