using System.Collections.Concurrent;
using Grid.Streams.Items;
using Grid.Streams.Queues;
using Orleans.Streams;

namespace Grid.Streams.Lanes;

/// <summary>
/// The streams that this silo produces, each on a lane of its own. Lanes are added as they are needed, a few ahead, and
/// reused, never removed: Orleans keeps an agent for ever.
/// </summary>
/// <remarks>Thread safe. Finding a stream takes no lock; making and sweeping streams does.</remarks>
internal sealed class StreamTable(string name, StreamSetting setting, Action onLanesAdded) : IStreamQueueMapper
{
    private const int LanesAhead = 4;

    private readonly ConcurrentDictionary<StreamId, StreamQueue> _streams = new();
    private readonly Lock _gate = new();
    private readonly Stack<Lane> _free = new();
    private List<Lane> _lanes = [];
    private bool _isStopped;

    /// <summary>Queues items, see <see cref="StreamQueue{T}.Enqueue"/>. References are taken over whatever the outcome.</summary>
    public Task Enqueue<T>(StreamId id, ReadOnlySpan<T> items)
    {
        if (FirstError(items) is { } error)
            return Refuse(items, new ArgumentException($"Stream {id}: {error}"));
        while (true)
        {
            if (!_streams.TryGetValue(id, out StreamQueue? stream))
                stream = Add<T>(id);
            if (stream is null)
                return Refuse(items, GridStreamException.For(id, GridStreamFailureReason.TooManyStreams));
            if (stream is not StreamQueue<T> queue)
                return Refuse(items, new InvalidOperationException($"Stream {id} carries items of another type than {typeof(T)}."));
            if (queue.Enqueue(items) is { } room)
                return room;

            // Closed for idleness just now, and about to leave the table.
            RemoveClosed(stream);
        }
    }

    /// <summary>The stream's queue, or null.</summary>
    public StreamQueue? Find(StreamId id) => _streams.GetValueOrDefault(id);

    /// <summary>Every stream's state.</summary>
    public IReadOnlyList<GridStreamStatistics> GetStatistics() => [.. _streams.Values.Select(static s => s.GetStatistics())];

    /// <summary>The lane of that name.</summary>
    public Lane GetLane(QueueId id)
    {
        foreach (Lane lane in Volatile.Read(ref _lanes))
        {
            if (lane.Id.Equals(id))
                return lane;
        }

        throw new ArgumentException($"There is no stream lane {id} on this silo.", nameof(id));
    }

    /// <inheritdoc/>
    public IEnumerable<QueueId> GetAllQueues() => [.. Volatile.Read(ref _lanes).Select(static l => l.Id)];

    /// <inheritdoc/>
    public QueueId GetQueueForStream(StreamId streamId) =>
        Find(streamId)?.Bell is Lane lane
            ? lane.Id
            : throw new InvalidOperationException($"Stream {streamId} is not produced by this silo now.");

    /// <summary>Adds lanes so that at least a few are free.</summary>
    public void AddLanesAhead()
    {
        lock (_gate)
        {
            if (_free.Count > 0)
                return;
            var lanes = new List<Lane>(_lanes);
            for (int i = 0; i < LanesAhead; i++)
            {
                var lane = new Lane(QueueId.GetQueueId($"{name}-lane", (uint)lanes.Count, (uint)lanes.Count));
                lanes.Add(lane);
                _free.Push(lane);
            }

            Volatile.Write(ref _lanes, lanes);
        }

        onLanesAdded();
    }

    /// <summary>Looks after every stream, see <see cref="StreamQueue.Sweep"/>.</summary>
    public void Sweep()
    {
        foreach (StreamQueue stream in _streams.Values)
        {
            if (stream.Sweep())
                RemoveClosed(stream);
        }
    }

    /// <summary>Fails every stream, and those that are yet to come.</summary>
    public void Stop()
    {
        lock (_gate)
        {
            _isStopped = true;
        }

        foreach (StreamQueue stream in _streams.Values)
            stream.Fail(GridStreamFailureReason.Stopped);
    }

    private static Task Refuse<T>(ReadOnlySpan<T> items, Exception exception)
    {
        foreach (T item in items)
        {
            if (item is not null)
                ItemKind<T>.Instance.Release(item);
        }

        return Task.FromException(exception);
    }

    private StreamQueue? Add<T>(StreamId id)
    {
        StreamQueue stream;
        lock (_gate)
        {
            if (_streams.TryGetValue(id, out StreamQueue? other))
                return other;
            if (_streams.Count >= setting.Options.StreamsMax)
                return null;
            AddLanesAhead();
            Lane lane = _free.Pop();
            stream = new StreamQueue<T>(id, setting, lane);
            lane.Assign(stream);
            if (_isStopped || lane.IsStopped)
                stream.Fail(GridStreamFailureReason.Stopped);
            _streams[id] = stream;
        }

        return stream;
    }

    private void RemoveClosed(StreamQueue stream)
    {
        if (!_streams.TryRemove(KeyValuePair.Create(stream.Id, stream)))
            return;
        var lane = (Lane)stream.Bell;
        lane.Assign(null);
        lock (_gate)
        {
            _free.Push(lane);
        }
    }

    private string? FirstError<T>(ReadOnlySpan<T> items)
    {
        foreach (T item in items)
        {
            if (ItemKind<T>.Instance.ErrorOf(item) is { } error)
                return error;
            int bytes = ItemKind<T>.Instance.SizeOf(item);
            if (bytes > setting.Options.BytesPerItemMax)
                return $"an item of {bytes} bytes is over {nameof(GridStreamOptions.BytesPerItemMax)} = {setting.Options.BytesPerItemMax}.";
        }

        return null;
    }
}
