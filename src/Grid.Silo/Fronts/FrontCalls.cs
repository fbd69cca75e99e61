using System.Security.Cryptography;
using Grid.Client.Contracts;

namespace Grid.Silo.Fronts;

/// <summary>The bundles on this silo that are not answered to the end, and the time that passes for them.</summary>
/// <remarks>Thread-safe. Bounded: a bundle beyond <see cref="CallsMax"/> is refused.</remarks>
internal sealed class FrontCalls : IDisposable
{
    /// <summary>Bundles that may be open at a time.</summary>
    public const int CallsMax = 16_384;

    private static readonly TimeSpan TickPeriod = TimeSpan.FromMilliseconds(FrontCall.PartialMs);

    private readonly Lock _gate = new();
    private readonly Dictionary<long, FrontCall> _calls = [];
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly List<FrontCall> _looked = [];
    private long _nextId = RandomNumberGenerator.GetInt32(1, int.MaxValue);
    private bool _ticking;
    private bool _ended;
    private long _bundles;
    private long _batches;

    public FrontCalls(TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static calls => ((FrontCalls)calls!).Tick(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Milliseconds that never go back.</summary>
    public long NowMs => (long)_time.GetElapsedTime(0).TotalMilliseconds;

    /// <summary>Bundles that came so far, and the batches in them.</summary>
    public (long Bundles, long Batches) Received => (Volatile.Read(ref _bundles), Volatile.Read(ref _batches));

    /// <summary>Bundles that are open.</summary>
    public int Count
    {
        get
        {
            lock (_gate)
                return _calls.Count;
        }
    }

    /// <summary>Opens a call for a bundle of <paramref name="count"/> batches; null if too many are open, or the silo has ended.</summary>
    public FrontCall? TryOpen(int count)
    {
        lock (_gate)
        {
            if (_calls.Count >= CallsMax || _ended)
                return null;
            _bundles++;
            _batches += count;
            FrontCall call = new(this, _nextId++, count, NowMs);
            _calls.Add(call.Id, call);
            if (!_ticking)
                SetTicking(true);
            return call;
        }
    }

    /// <summary>The rest of a call's replies, see <see cref="IFrontGrain.CollectAsync"/>.</summary>
    /// <exception cref="InvalidOperationException">The ticket is not known.</exception>
    public ValueTask<BatchBundle> Collect(long ticket)
    {
        FrontCall? call;
        lock (_gate)
            call = _calls.GetValueOrDefault(FrontCall.IdOf(ticket));
        return call?.Collect(ticket, NowMs)
            ?? throw new InvalidOperationException($"Ticket {ticket:x} is not known here: its replies were given out, or nobody came for them for {FrontCall.ForgottenMs} ms.");
    }

    /// <summary>A call is answered to the end.</summary>
    public void Forget(FrontCall call)
    {
        lock (_gate)
            _calls.Remove(call.Id);
    }

    /// <summary>Answers every call that waits with what is there: from now on no time passes, and the host that ends waits for its calls.</summary>
    public void Dispose()
    {
        FrontCall[] open;
        lock (_gate)
        {
            _ended = true;
            open = [.. _calls.Values];
            _calls.Clear();
        }

        foreach (FrontCall call in open)
            call.End();
        _timer.Dispose();
    }

    private void SetTicking(bool ticking)
    {
        _ticking = ticking;
        TimeSpan period = ticking ? TickPeriod : Timeout.InfiniteTimeSpan;
        _timer.Change(period, period);
    }

    private void Tick()
    {
        lock (_looked)
        {
            lock (_gate)
            {
                if (_calls.Count == 0)
                {
                    SetTicking(false);
                    return;
                }

                _looked.AddRange(_calls.Values);
            }

            long now = NowMs;
            foreach (FrontCall call in _looked)
            {
                if (!call.Tick(now))
                    Forget(call);
            }

            _looked.Clear();
        }
    }
}
