namespace Grid.Formats.Rdb;

/// <summary>
/// Passes over one value of a known <see cref="RdbShape"/>, in pieces of any size and without keeping any of it.
/// </summary>
internal sealed class RdbSkipper(RdbReader.Fail fail)
{
    // Shapes nest four deep: stream, groups, consumers, their pending entries.
    private const int DepthMax = 8;

    private readonly Frame[] _frames = new Frame[DepthMax];
    private int _depth;
    private ulong _bytes;

    /// <summary>Whether there is something left to pass over.</summary>
    public bool IsActive => _depth > 0 || _bytes > 0;

    /// <summary>Begins a value.</summary>
    public void Begin(RdbShape shape) => Push(shape, 1);

    /// <summary>Passes over as much as the bytes hold.</summary>
    /// <param name="data">The bytes.</param>
    /// <param name="consumed">How many of them were passed over.</param>
    /// <returns>The number of bytes needed from there on to get further; 0 if the value is done.</returns>
    public ulong Skip(ReadOnlySpan<byte> data, out int consumed)
    {
        RdbCursor cursor = new(data);
        int committed = 0;
        while (true)
        {
            if (_bytes > 0)
            {
                int taken = (int)Math.Min(_bytes, (ulong)cursor.Available);
                _bytes -= (ulong)taken;
                cursor.Position += taken;
                committed = cursor.Position;
                if (_bytes > 0)
                {
                    consumed = committed;
                    return 1;
                }
            }

            if (_depth == 0)
            {
                consumed = committed;
                return 0;
            }

            if (!TryStep(ref cursor))
            {
                consumed = committed;
                return cursor.Needed - (ulong)committed;
            }

            committed = cursor.Position;
        }
    }

    private bool TryStep(ref RdbCursor cursor)
    {
        ref Frame frame = ref _frames[_depth - 1];
        if (frame.Step == frame.Shape.Steps.Length)
        {
            frame.Step = 0;
            frame.Done = 0;
            if (--frame.Times == 0)
                _depth--;
            return true;
        }

        RdbStep step = frame.Shape.Steps[frame.Step];
        switch (step.Kind)
        {
            case RdbStepKind.Strings:
                if (!TrySkipString(ref cursor))
                    return false;
                break;

            case RdbStepKind.Lengths:
                if (!TryReadLength(ref cursor, out _))
                    return false;
                break;

            case RdbStepKind.Bytes:
                _bytes = (ulong)step.Count;
                frame.Done = step.Count - 1;
                break;

            case RdbStepKind.TextDouble:
                if (!cursor.TryReadByte(out byte length))
                    return false;
                _bytes = length < 253 ? length : 0u;
                break;

            case RdbStepKind.Repeat:
                if (!TryReadLength(ref cursor, out ulong times))
                    return false;
                Complete(ref frame, step);
                if (times > 0)
                    Push(step.Items!, times);
                return true;

            default:
                if (!TrySkipModuleField(ref cursor, out bool ended))
                    return false;
                if (!ended)
                    return true;
                break;
        }

        Complete(ref frame, step);
        return true;
    }

    private static void Complete(ref Frame frame, RdbStep step)
    {
        if (++frame.Done < step.Count)
            return;
        frame.Done = 0;
        frame.Step++;
    }

    private bool TrySkipString(ref RdbCursor cursor)
    {
        if (!cursor.TryReadLength(out ulong length, out int encoding))
            return false;
        switch (encoding)
        {
            case -1:
                _bytes = length;
                return true;
            case RdbFormat.Int8:
                _bytes = 1;
                return true;
            case RdbFormat.Int16:
                _bytes = 2;
                return true;
            case RdbFormat.Int32:
                _bytes = 4;
                return true;
            case RdbFormat.Lzf:
                if (!TryReadLength(ref cursor, out ulong compressed) || !TryReadLength(ref cursor, out _))
                    return false;
                _bytes = compressed;
                return true;
            default:
                throw fail(RdbError.Corrupt, $"string encoding {encoding} is not defined");
        }
    }

    // An opcode, then what it stands for: 0 end, 1 and 2 integers, 3 float, 4 double, 5 string.
    private bool TrySkipModuleField(ref RdbCursor cursor, out bool ended)
    {
        ended = false;
        if (!TryReadLength(ref cursor, out ulong opcode))
            return false;
        switch (opcode)
        {
            case 0:
                ended = true;
                return true;
            case 1 or 2:
                return TryReadLength(ref cursor, out _);
            case 3:
                _bytes = sizeof(float);
                return true;
            case 4:
                _bytes = sizeof(double);
                return true;
            case 5:
                return TrySkipString(ref cursor);
            default:
                throw fail(RdbError.Corrupt, $"module field opcode {opcode} is not defined");
        }
    }

    private bool TryReadLength(ref RdbCursor cursor, out ulong length)
    {
        if (!cursor.TryReadLength(out length, out int encoding))
            return false;
        if (encoding >= 0)
            throw fail(RdbError.Corrupt, "an encoded string where a length is due");
        return true;
    }

    private void Push(RdbShape shape, ulong times) => _frames[_depth++] = new Frame { Shape = shape, Times = times };

    private struct Frame
    {
        public required RdbShape Shape;
        public required ulong Times;
        public int Step;
        public int Done;
    }
}
