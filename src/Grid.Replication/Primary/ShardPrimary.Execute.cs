using Grid.Formats.Binary;
using Grid.Formats.Buffers;
using Grid.Formats.Operations;
using Grid.Replication.Sessions;
using Grid.Replication.Time;
using Grid.Storage;

namespace Grid.Replication.Primary;

/// <content>Requests: their order per client, and the execution of a batch.</content>
public sealed partial class ShardPrimary
{
    /// <summary>Bytes of results beyond which the rest of a batch is answered "overloaded, nothing done", for the client to send again.</summary>
    private const int ReplyBytesMax = 66 << 20;

    /// <summary>Executes a batch of operations; the reply leaves through <see cref="IPrimaryOutput.Reply"/>, now or once it may.</summary>
    /// <param name="token">Names the request towards the output.</param>
    /// <param name="request">The blob; a reference of its own is taken if it has to wait.</param>
    /// <param name="now">The present.</param>
    public void Execute(object token, PooledBuffer request, Instant now)
    {
        if (!Reigns())
        {
            _output.Reply(token, ReplyHeader.Refusal(BatchStatus.NotPrimary, 0, $"Shard {_copy.Shard} has another primary."));
            return;
        }

        try
        {
            RequestHeader header = RequestHeader.Read(request.Span, out int operations);
            if (header.Shard != _copy.Shard)
                throw new MalformedException($"A batch for shard {header.Shard} reached shard {_copy.Shard}.");
            if (RepliesWaiting >= _options.RepliesWaitingMax && !Plants(PlantedBug.NeverOverloaded))
                _output.Reply(token, ReplyHeader.Refusal(BatchStatus.Overloaded, _epoch, $"Shard {_copy.Shard} has {RepliesWaiting} replies waiting for their commit or its lease; try again."));
            else if (IsSealed && !Plants(PlantedBug.ExecutesSealed))
                Hold(token, request);
            else if (header.Number == 0)
                ExecuteBatch(token, request, header, operations, now);
            else if (header.Epoch != _epoch)
                _output.Reply(token, ReplyHeader.Refusal(BatchStatus.EpochChanged, _epoch, $"Shard {_copy.Shard} is in epoch {_epoch}."));
            else
                ExecuteInOrder(token, request, header, operations, now);
        }
        catch (MalformedException malformed)
        {
            _output.Reply(token, ReplyHeader.Refusal(BatchStatus.Malformed, _epoch, malformed.Message));
        }
    }

    private void ExecuteInOrder(object token, PooledBuffer request, in RequestHeader header, int operations, Instant now)
    {
        switch (_clients.Offer(header, token, request, now.MonotonicMs))
        {
            case OrderVerdict.Execute:
                ExecuteBatch(token, request, header, operations, now);
                break;
            case OrderVerdict.Stale when Plants(PlantedBug.ExecutesStaleBatch):
                ExecuteBatch(token, request, header, operations, now);
                break;
            case OrderVerdict.Stale:
                ReplyStale(token);
                break;
            case OrderVerdict.Crowded:
                _output.Reply(token, ReplyHeader.Refusal(BatchStatus.Overloaded, _epoch, $"Shard {_copy.Shard} serves {_options.ClientsMax} clients and takes no more; try again later."));
                break;
            case OrderVerdict.Resend:
                ReplyResend(token, _clients.NextOf(header.Client));
                break;
        }

        while (_clients.TryTakeNext(header.Client, out ClientOrder.KeptBatch kept, out bool stale))
        {
            try
            {
                if (stale)
                    ReplyStale(kept.Token);
                else
                    ExecuteBatch(kept.Token, kept.Request, RequestHeader.Read(kept.Request.Span, out int count), count, now);
            }
            catch (MalformedException malformed)
            {
                _output.Reply(kept.Token, ReplyHeader.Refusal(BatchStatus.Malformed, _epoch, malformed.Message));
            }
            finally
            {
                kept.Request.Release();
            }
        }
    }

    /// <summary>How long the batch that waits longest behind a hole has waited.</summary>
    internal long OldestHoleMs(Instant now) => _clients.OldestHoleMs(now.MonotonicMs);

    /// <summary>The most batches of one client that wait behind a hole.</summary>
    internal int BatchesKeptMost => _clients.KeptMost;

    private void AnswerHoles(Instant now) => _clients.RefuseOverdue(now.MonotonicMs, ReplyResend);

    private void ReplyResend(object token, long next) =>
        _output.Reply(token, ReplyHeader.Refusal(BatchStatus.ResendFrom, _epoch, $"Batches from {next} on are missing.", next));

    private void ReplyStale(object token) =>
        _output.Reply(token, ReplyHeader.Refusal(BatchStatus.Indeterminate, _epoch, "A batch with this number was received before, or given up by its client; it is not applied again."));

    private void ExecuteBatch(object token, PooledBuffer request, in RequestHeader header, int operations, Instant now)
    {
        PooledBuffer reply = PooledBuffer.Rent(ReplyHeader.Length + Math.Min(operations * 64, 1 << 20));
        new ReplyHeader(BatchStatus.Ok, _epoch, 0, operations).Write(reply);
        BatchRun run = new(reply, header, now) { Session = header.FirstOperation == 0 ? null : _copy.Sessions.Find(header.Client) };
        OperationRun alike = default;
        try
        {
            OperationReader reader = new(request.Span, operations);
            while (reader.TryRead(out Operation operation))
            {
                int at = reply.Length;
                PrimaryKeyspace? keyspace = ExecuteOperation(ref run, operation);
                CountAlike(token, ref alike, new OperationRun(keyspace?.Data, operation.Kind, (OperationStatus)reply.Span[at], 1));
            }
        }
        catch (MalformedException) when (!run.Writes)
        {
            reply.Release();
            throw;
        }
        catch (MalformedException malformed)
        {
            reply.Release();
            reply = ReplyHeader.Refusal(BatchStatus.Indeterminate, _epoch, $"The batch is damaged behind operations that were applied: {malformed.Message}");
        }

        CountAlike(token, ref alike, default);
        _output.NoteExecuted(token, run.Appended ? LogEnd : 0);
        bool needsReplicas = run.Writes && header.Durability == WriteDurability.Replicated;
        bool needsLease = !(run.Appended && needsReplicas) && (run.MeansToWrite || !header.Committed);

        // Without numbers a write in vain might succeed when it is sent again under a later reign, behind batches that its client sent after it.
        bool mayBeApplied = run.Writes || (run.MeansToWrite && header.FirstOperation == 0);
        ReplyWhenCommitted(new PendingReply(token, reply, mayBeApplied, needsReplicas, needsLease), run.Observed, now);
        AdvanceCommitted(now);
    }

    /// <summary>Tells the output of a run of operations that were alike, once another one begins.</summary>
    private void CountAlike(object token, ref OperationRun alike, in OperationRun next)
    {
        if (next.Count > 0 && next.Keyspace == alike.Keyspace && next.Kind == alike.Kind && next.Status == alike.Status)
        {
            alike = alike with { Count = alike.Count + 1 };
            return;
        }

        if (alike.Count > 0)
            _output.CountOperations(token, alike.Keyspace, alike.Kind, alike.Status, alike.Count);
        alike = next;
    }

    /// <returns>The operation's keyspace; null if there is none of that name.</returns>
    private PrimaryKeyspace? ExecuteOperation(ref BatchRun run, in Operation operation)
    {
        PrimaryKeyspace? keyspace = _keyspaces.Find(operation.Keyspace);
        if (run.Reply.Length > ReplyBytesMax)
        {
            Answer(run, OperationStatus.Overloaded);
            return keyspace;
        }

        if (run.Header.Repeats && AnswerRepeated(ref run, keyspace, operation))
            return keyspace;
        switch (operation.Kind)
        {
            case OperationKind.Get or OperationKind.Peek:
                ExecuteRead(ref run, keyspace, operation);
                break;
            case OperationKind.Scan:
                ExecuteScan(ref run, keyspace, operation);
                break;
            case OperationKind.Statistics:
                ExecuteStatistics(ref run, keyspace);
                break;
            default:
                ExecuteWrite(ref run, keyspace, operation);
                return keyspace ?? _keyspaces.Find(operation.Keyspace);
        }

        return keyspace;
    }

    private static void Answer(in BatchRun run, OperationStatus status, ulong version = 0, long expiryUnixMs = 0, long number = 0) =>
        new OperationResult { Status = status, Version = version, ExpiryUnixMs = expiryUnixMs, Number = number }.Write(run.Reply);

    /// <summary>Operations of a batch, one behind the other, on one keyspace, of one kind, that ended alike.</summary>
    private readonly record struct OperationRun(Keyspace? Keyspace, OperationKind Kind, OperationStatus Status, int Count);

    /// <summary>What a batch has done and seen so far.</summary>
    private struct BatchRun(PooledBuffer reply, RequestHeader header, Instant now)
    {
        public readonly PooledBuffer Reply = reply;
        public readonly RequestHeader Header = header;
        public readonly WriteDurability Durability = header.Durability;
        public readonly Instant Now = now;

        /// <summary>The newest offset on which the reply depends.</summary>
        public long Observed;

        /// <summary>True once the batch has tried to write, be it in vain: what it is told holds as long as the reign does.</summary>
        public bool MeansToWrite;

        /// <summary>True once an operation of the batch took effect, now or when it was sent before.</summary>
        public bool Writes;

        /// <summary>True once an operation of the batch took effect now.</summary>
        public bool Appended;

        /// <summary>The client's session; null while it has none.</summary>
        public ClientSession? Session;

        public void Observe(long offset) => Observed = Math.Max(Observed, offset);

        /// <summary>The reply to a write with <see cref="WriteDurability.Primary"/> does not wait for the write's own commit.</summary>
        public void Wrote(long offset)
        {
            Appended = Writes = true;
            if (Durability == WriteDurability.Replicated)
                Observe(offset);
        }

        /// <summary>An operation took effect when it was sent before: what its result depended on was there before it, so its own commit tells.</summary>
        public void FoundWritten(long offset)
        {
            Writes = true;
            Observe(offset);
        }
    }
}
