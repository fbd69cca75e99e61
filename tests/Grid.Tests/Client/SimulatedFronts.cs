using Grid.Client.Bundles;
using Grid.Client.Contracts;
using Grid.Client.Pipelines;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;

namespace Grid.Tests.Client;

/// <summary>
/// The fronts of the simulated cluster's silos: every second shard has its primary behind each of two of them. Bundles and their
/// replies suffer the misfortunes of calls; replies come in as many parts as the seed likes, and routes come and go.
/// </summary>
internal sealed class SimulatedFronts
{
    private readonly SimulatedCluster _cluster;
    private readonly BundleSettings _settings;
    private readonly MonotonicClock _clock;
    private readonly BundleRoute[] _routes = new BundleRoute[2];

    public SimulatedFronts(SimulatedCluster cluster, int underWayMax)
    {
        _cluster = cluster;
        _settings = new BundleSettings(underWayMax);
        _clock = new MonotonicClock(cluster.Time);
        Transport = new BundlingTransport(cluster);
        Look();
    }

    /// <summary>What the client sends by.</summary>
    public BundlingTransport Transport { get; }

    /// <summary>Bundles that were sent, and batches in them.</summary>
    public (int Bundles, int Batches) Sent { get; private set; }

    /// <summary>Replies that came with a ticket for more.</summary>
    public int PartialReplies { get; private set; }

    /// <summary>Replaces what is broken, and sometimes sends shards to the wrong front; again a second later, like a client that looks for fronts.</summary>
    private void Look()
    {
        for (int i = 0; i < _routes.Length; i++)
        {
            if (_routes[i] is null or { IsBroken: true })
                _routes[i] = new BundleRoute(new Front(this), _cluster, _settings, _cluster, _clock);
        }

        Transport.Routes = [.. _cluster.Shards.Select((_, shard) =>
            _cluster.Random.Next(5) == 0 ? null : _routes[(shard + (_cluster.Random.Next(4) == 0 ? 1 : 0)) % _routes.Length])];
        _cluster.After(300 + _cluster.Random.Next(700), Look);
    }

    private sealed class Front(SimulatedFronts fronts) : IBundleCarrier
    {
        private readonly SimulatedCluster _cluster = fronts._cluster;
        private readonly Dictionary<long, Call> _calls = [];
        private long _nextTicket;

        public ValueTask<BatchBundle> ExecuteAsync(BatchBundle bundle)
        {
            fronts.Sent = (fronts.Sent.Bundles + 1, fronts.Sent.Batches + bundle.Count);
            Call call = new(this, ++_nextTicket);
            return Suffer(() =>
            {
                call.Missing = bundle.Count;
                for (int i = 0; i < bundle.Count; i++)
                {
                    (int place, PooledBuffer blob) = bundle[i];
                    RequestHeader.TryReadShard(blob.Span, out int shard);
                    if (_cluster.Random.NextDouble() < _cluster.Misfortunes.Lost / 4)
                        call.Take(place, PooledBuffer.Rent(1));
                    else
                        _cluster.Arrive(shard, blob, reply => _cluster.After(_cluster.Random.Next(3) == 0 ? _cluster.Random.Next(100) : 0, () => call.Take(place, reply)));
                }

                return call.AnswerAsync();
            });
        }

        public ValueTask<BatchBundle> CollectAsync(long ticket) => Suffer(() =>
            _calls.Remove(ticket, out Call? call) ? call.AnswerAsync() : throw new InvalidOperationException("no such ticket"));

        private ValueTask<BatchBundle> Suffer(Func<Task<BatchBundle>> arrive)
        {
            double fate = _cluster.Random.NextDouble();
            Misfortunes m = _cluster.Misfortunes;
            if ((fate -= m.Refused) < 0)
                throw new InvalidOperationException("not connected");
            TaskCompletionSource<BatchBundle> answer = new();
            if ((fate -= m.Lost) < 0)
                _cluster.After(_cluster.Delay(), () => answer.TrySetException(new InvalidOperationException("rejected")));
            else if ((fate -= m.ReplyLost) < 0)
                LoseReply(arrive, answer);
            else if ((fate -= m.Silent) < 0)
                BeSilent(arrive, answer);
            else
                _cluster.After(_cluster.Delay(), () => _ = AnswerLaterAsync(arrive, answer));
            return new(answer.Task);
        }

        private void LoseReply(Func<Task<BatchBundle>> arrive, TaskCompletionSource<BatchBundle> answer)
        {
            _cluster.After(_cluster.Random.Next(400), () => _ = DropAsync(arrive));
            _cluster.After(_cluster.Random.Next(200), () => answer.TrySetException(new InvalidOperationException("the silo is gone")));
        }

        private void BeSilent(Func<Task<BatchBundle>> arrive, TaskCompletionSource<BatchBundle> answer)
        {
            if (_cluster.Random.Next(2) == 0)
                _cluster.After(_cluster.Random.Next(400), () => _ = DropAsync(arrive));
            _cluster.After(30_000, () => answer.TrySetException(new TimeoutException("no response")));
        }

        private async Task AnswerLaterAsync(Func<Task<BatchBundle>> arrive, TaskCompletionSource<BatchBundle> answer)
        {
            try
            {
                BatchBundle replies = await arrive().ConfigureAwait(false);
                _cluster.After(_cluster.Delay(), () => answer.TrySetResult(replies));
            }
            catch (InvalidOperationException refusal)
            {
                answer.TrySetException(refusal);
            }
        }

        private static async Task DropAsync(Func<Task<BatchBundle>> arrive)
        {
            try
            {
                (await arrive().ConfigureAwait(false)).ReleaseReceived();
            }
            catch (InvalidOperationException)
            {
                // Its ticket was used; nobody waits for the answer.
            }
        }

        /// <summary>A bundle at the front: answers with what it has, after a time that the seed decides.</summary>
        private sealed class Call(Front front, long ticket)
        {
            private readonly List<(int Place, PooledBuffer Blob)> _ready = [];

            public int Missing { get; set; }

            public void Take(int place, PooledBuffer reply)
            {
                Missing--;
                _ready.Add((place, reply.HandOver()));
            }

            public Task<BatchBundle> AnswerAsync()
            {
                TaskCompletionSource<BatchBundle> answer = new();
                SimulatedCluster cluster = front._cluster;
                cluster.After(cluster.Random.Next(3) == 0 ? 0 : cluster.Random.Next(60), () =>
                {
                    long more = Missing == 0 ? 0 : (ticket << 20) + ++front._nextTicket;
                    if (more != 0)
                    {
                        front._calls.Add(more, this);
                        front.Partial();
                    }

                    BatchBundle replies = new(_ready.Count, more);
                    foreach ((int place, PooledBuffer blob) in _ready)
                        replies.Add(place, blob);
                    _ready.Clear();
                    answer.SetResult(replies);
                });
                return answer.Task;
            }
        }

        private void Partial() => fronts.PartialReplies++;
    }
}
