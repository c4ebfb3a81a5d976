"""The PyTorch side of a comparison: one step for every line on standard input, as step-process.ts.

python pytorch_steps.py PEER_FOLDER TEACHER_FOLDER METHOD PAD THREADS

PEER_FOLDER holds the reference's methods.py and common.py. The first line read is JSON with the rows of the batches; every further
line is the number of one. METHOD and PAD as in the reference's bench_steps.py.
"""
import json, sys, time, types

peer_folder, folder, method, length, threads = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
sys.path.insert(0, peer_folder)
from methods import *

torch.set_num_threads(threads)
torch.manual_seed(0)
given = json.loads(sys.stdin.readline())
cls_only, method = method.endswith('-cls'), method.removesuffix('-cls')
rows, word_pieces = load_csv('train'), WordPiece()
vocabulary, embedding, _ = student_vocab([rows[i][0] for i in given['vocabulary']])
settings = types.SimpleNamespace(alpha=.5, tau=2., kd='kl', inner_lr=.05, clip=1.)
student = Student(embedding).train()
student_optimizer = torch.optim.Adam(student.parameters(), 1e-3)
teacher = None
if method not in ('scratch', 'kd-cached'):
    teacher = load_bert(folder).eval()
    teacher.cls_only = cls_only
    if 'lora' in method: teacher.add_lora()
    learning = [p for p in teacher.parameters() if p.requires_grad]
    teacher_optimizer = torch.optim.AdamW(learning, 1e-4, fused=method == 'finetune' or None)


def words_of(batch): return pad([enc_words(vocabulary, rows[i][0]) for i in batch], length or None)
def tokens_of(batch): return pad([word_pieces(rows[i][0], length or 64) for i in batch], length or None)
def labels_of(batch): return torch.tensor([rows[i][1] for i in batch])


# Encoded before, as on the other side.
batches = [(words_of(b), tokens_of(b), labels_of(b), words_of(q), labels_of(q)) for b, q in zip(given['train'], given['quiz'])]
logits = torch.randn(len(given['train'][0]), 3)


def step(index):
    words, tokens, labels, quiz_words, quiz_labels = batches[index]
    if method == 'scratch': scratch_step(student, student_optimizer, words, labels, settings)
    elif method == 'kd-cached': kd_step(student, student_optimizer, words, labels, settings, logits)
    elif method == 'finetune':
        teacher.train()
        F.cross_entropy(teacher(tokens), labels).backward()
        nn.utils.clip_grad_norm_(learning, 1.)
        teacher_optimizer.step()
        teacher_optimizer.zero_grad()
    else:
        meta_step = meta_autograd_step if method.startswith('meta') else meta_cheap_step
        meta_step(student, student_optimizer, teacher, teacher_optimizer, words, tokens, labels, quiz_words, quiz_labels, settings)


print(json.dumps({'engine': {'name': 'pytorch', 'version': torch.__version__, 'threads': torch.get_num_threads()}}), flush=True)
for line in sys.stdin:
    started, cpu_started = time.perf_counter(), time.process_time()
    step(int(line))
    print(json.dumps({'wallSeconds': time.perf_counter() - started, 'cpuSeconds': time.process_time() - cpu_started}), flush=True)
